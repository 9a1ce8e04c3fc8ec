# Child runbooks: jobs that this job starts, waits for, and reads.

function Start-AutomationRunbook {
    # The id of a new job: on a hybrid worker group, or where jobs without one run.
    [CmdletBinding()]
    [OutputType([guid])]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Name,
        [Parameter(Position = 1)] [System.Collections.IDictionary] $Parameters = @{},
        [Alias('HybridWorker')] [string] $RunOn = '',
        [switch] $StopWithParent
    )
    # Not by $Parameters.Values: that may be a parameter of this name.
    foreach ($entry in $Parameters.GetEnumerator()) {
        if ($entry.Value -is [securestring] -or $entry.Value -is [pscredential]) {
            throw 'a SecureString cannot be given to a child: let it fetch the credential itself, by its name'
        }
    }
    $question = @{
        runbook          = $Name
        run_on           = $RunOn
        parameters       = $Parameters
        stop_with_parent = $StopWithParent.IsPresent
    }
    $answer = Invoke-FarhandRequest -Request @{ start_child = $question }
    return [guid] $answer.GetProperty('child').GetProperty('job_id').GetString()
}

function Wait-AutomationJob {
    # Returns when all of them are over, or the time is; they go on then. The other parameters are
    # Azure's, and change nothing: nobody has to look again and again here.
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline)] [guid[]] $Id,
        [int] $TimeoutInMinutes = 0,
        [int] $DelayInSeconds = 0,
        [switch] $OutputJobsTransitionedToRunning
    )
    begin {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
    }
    process {
        foreach ($job in $Id) {
            $left = 0
            if ($TimeoutInMinutes -gt 0) {
                $left = [int] [Math]::Max(1, $TimeoutInMinutes * 60 - $clock.Elapsed.TotalSeconds)
            }
            $question = @{ get_child = @{ job_id = "$job"; wait = $true } }
            try {
                $null = Invoke-FarhandRequest -Request $question -TimeoutSeconds $left
            }
            catch [System.TimeoutException] {
                return
            }
        }
    }
}

function Get-AutomationJob {
    # How a child is doing.
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0, ValueFromPipeline)] [guid] $Id)

    process {
        $answer = Invoke-FarhandRequest -Request @{ get_child = @{ job_id = "$Id" } }
        $child = ConvertFrom-FarhandElement -Element ($answer.GetProperty('child')) -AsHashtable
        [pscustomobject] @{
            JobId         = $Id
            RunbookName   = $child['runbook']
            Status        = $child['status']
            StatusDetails = $child['status_details']
            ExitCode      = $child['exit_code']
        }
    }
}

function Get-AutomationJobOutput {
    # The lines that a child has written to its Output stream so far.
    [CmdletBinding()]
    [OutputType([string])]
    param([Parameter(Mandatory, Position = 0, ValueFromPipeline)] [guid] $Id)

    process {
        $text = [System.Text.StringBuilder]::new()
        $place = ''
        while ($true) {
            $question = @{ read_child = @{ job_id = "$Id"; from = $place } }
            $answer = Invoke-FarhandRequest -Request $question
            $piece = ConvertFrom-FarhandElement -Element ($answer.GetProperty('output')) -AsHashtable
            $null = $text.Append($piece['text'])
            if ($piece['end'] -or $piece['next'] -eq $place) {
                break
            }
            $place = $piece['next']
        }
        $reader = [System.IO.StringReader]::new($text.ToString())
        while ($null -ne ($line = $reader.ReadLine())) {
            $line
        }
    }
}
